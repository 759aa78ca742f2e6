//! Lists that have no count.

use std::borrow::Cow;
use std::marker::PhantomData;

use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::v2::ListLinks;

/// What comes in pages.
pub(crate) trait Listed: ToSchema {
    /// The key of the page that holds the items.
    const KEY: &'static str;
}

/// A page of these, with links to itself and to the next.
pub(crate) struct Page<T>(PhantomData<T>);

impl<T: Listed> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let items = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
        ObjectBuilder::new()
            .property(T::KEY, items)
            .required(T::KEY)
            .property("links", Ref::from_schema_name(ListLinks::name()))
            .required("links")
            .description(Some("A page of a list."))
            .into()
    }
}

impl<T: Listed> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("{}List", T::name()))
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
        schemas.push((ListLinks::name().into_owned(), ListLinks::schema()));
        ListLinks::schemas(schemas);
    }
}

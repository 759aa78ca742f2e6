//! What a rule is asked about, and who asks.

use std::borrow::Cow;

use uuid::Uuid;
use zonelog_model::ProjectId;

/// What a request is about, under the names that Designate's rules know (`%(zone_type)s`). What is `None` is not part
/// of the target: a check that names it fails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// `project_id` and `tenant_id`: the project that owns it.
    pub(crate) project_id: Option<&'a str>,
    /// The zone's id.
    pub(crate) zone_id: Option<Uuid>,
    /// The zone's name.
    pub(crate) zone_name: Option<&'a str>,
    /// `PRIMARY`, `SECONDARY` or `CATALOG`.
    pub(crate) zone_type: Option<&'a str>,
    /// Whether the zone is shared with the caller's project.
    pub(crate) zone_shared: Option<bool>,
    /// The recordset's id.
    pub(crate) recordset_id: Option<Uuid>,
    /// The recordset's owner name.
    pub(crate) recordset_name: Option<&'a str>,
    /// The project of the recordset: of the sharee, where one made it in a shared zone.
    pub(crate) recordset_project_id: Option<&'a str>,
    /// `target_project_id` and `target_tenant_id`: to whom an ownership transfer goes. `Some(None)` is everybody.
    pub(crate) target_project_id: Option<Option<&'a str>>,
    /// Whether the request is about all projects.
    pub(crate) all_tenants: Option<bool>,
}

impl<'a> Target<'a> {
    /// Something that a project owns.
    pub(crate) fn of_project(project: &'a str) -> Self {
        Self {
            project_id: Some(project),
            ..Self::default()
        }
    }

    /// The names that [`Target::value`] knows.
    pub(super) const NAMES: [&'static str; 12] = [
        "project_id",
        "tenant_id",
        "zone_id",
        "zone_name",
        "zone_type",
        "zone_shared",
        "recordset_id",
        "recordset_name",
        "recordset_project_id",
        "target_project_id",
        "target_tenant_id",
        "all_tenants",
    ];

    /// A value as Python prints it.
    pub(super) fn value(&self, name: &str) -> Option<Cow<'a, str>> {
        let uuid = |id: Option<Uuid>| id.map(|id| Cow::Owned(id.to_string()));
        match name {
            "project_id" | "tenant_id" => self.project_id.map(Cow::Borrowed),
            "zone_id" => uuid(self.zone_id),
            "zone_name" => self.zone_name.map(Cow::Borrowed),
            "zone_type" => self.zone_type.map(Cow::Borrowed),
            "zone_shared" => self.zone_shared.map(python),
            "recordset_id" => uuid(self.recordset_id),
            "recordset_name" => self.recordset_name.map(Cow::Borrowed),
            "recordset_project_id" => self.recordset_project_id.map(Cow::Borrowed),
            "target_project_id" | "target_tenant_id" => self
                .target_project_id
                .map(|project| Cow::Borrowed(project.unwrap_or("None"))),
            "all_tenants" => self.all_tenants.map(python),
            _ => None,
        }
    }
}

fn python(value: bool) -> Cow<'static, str> {
    Cow::Borrowed(if value { "True" } else { "False" })
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credentials<'a> {
    pub(crate) user: &'a str,
    pub(crate) project: &'a ProjectId,
    pub(crate) roles: &'a [String],
    pub(crate) all_projects: bool,
}

impl Credentials<'_> {
    /// The names that [`Credentials::has`] knows.
    pub(super) const NAMES: [&'static str; 9] = [
        "user_id",
        "user",
        "project_id",
        "tenant_id",
        "tenant",
        "roles",
        "is_admin",
        "all_tenants",
        "system_scope",
    ];

    pub(super) fn has_role(&self, role: &str) -> bool {
        self.roles
            .iter()
            .any(|own| own.to_lowercase() == role.to_lowercase())
    }

    /// Whether the credentials have this text under a key. As in Designate, `is_admin` is never true for who comes
    /// through the API, and no token is of the system's scope.
    pub(super) fn has(&self, key: &str, text: &str) -> bool {
        match key {
            "user_id" | "user" => self.user == text,
            "project_id" | "tenant_id" | "tenant" => self.project.as_str() == text,
            "roles" => self.roles.iter().any(|role| role == text),
            "is_admin" => text == "False",
            "all_tenants" => text == python(self.all_projects),
            "system_scope" => text == "None",
            _ => false,
        }
    }
}

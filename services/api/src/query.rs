//! Query strings of lists: paging, filters, and the links that lead on.

use std::fmt::Write;

use uuid::Uuid;
use zonelog_projections::listing::{PageRequest, Pattern};

use crate::error::ApiError;

/// The page size when none is asked for (Designate, `default_limit_v2`).
pub(crate) const DEFAULT_LIMIT: i64 = 20;
/// The largest page (Designate, `max_limit_v2`). A greater number is refused: Designate takes any, a defect.
pub(crate) const MAX_LIMIT: i64 = 1_000;
/// Parameters that set the request's scope, not a filter.
const SCOPE_PARAMETERS: [&str; 3] = ["all_projects", "all_tenants", "edit_managed_records"];
const PAGE_PARAMETERS: [&str; 4] = ["limit", "marker", "sort_key", "sort_dir"];

/// A query string, decoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Decodes a query string.
    pub(crate) fn parse(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self {
            pairs: pairs
                .map(|(key, value)| (key.into_owned(), value.into_owned()))
                .collect(),
        }
    }

    /// The first value of a parameter.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// Refuses a parameter that is neither one of `filters` nor known to every list, and one that comes twice.
    pub(crate) fn check(&self, filters: &[&str]) -> Result<(), ApiError> {
        let known = |key: &str| {
            filters.contains(&key) || PAGE_PARAMETERS.contains(&key) || SCOPE_PARAMETERS.contains(&key)
        };
        let listed = |keys: Vec<&str>| keys.join(", ");
        let unknown: Vec<&str> = self
            .pairs
            .iter()
            .map(|(key, _)| key.as_str())
            .filter(|key| !known(key))
            .collect();
        if !unknown.is_empty() {
            return Err(ApiError::bad(
                "bad_request",
                format!("Invalid filters {}", listed(unknown)),
            ));
        }
        let mut twice: Vec<&str> = Vec::new();
        for (index, (key, value)) in self.pairs.iter().enumerate() {
            if self.pairs[..index].iter().any(|(earlier, _)| earlier == key) && !twice.contains(&key.as_str())
            {
                twice.push(key);
            }
            if value.contains('\0') {
                return Err(ApiError::bad(
                    "bad_request",
                    format!("The filter {key} holds the character U+0000"),
                ));
            }
        }
        if !twice.is_empty() {
            return Err(ApiError::bad(
                "bad_request",
                format!("Duplicate filters {}", listed(twice)),
            ));
        }
        Ok(())
    }

    /// Reads the paging of a list whose sort keys are `sort_keys` and whose filters are `filters`. The sort key is
    /// `None` when none was given.
    pub(crate) fn page<K: Copy>(
        &self,
        sort_keys: &[(&str, K)],
        filters: &[&str],
    ) -> Result<(PageRequest, Option<K>), ApiError> {
        let limit = self.limit()?;
        let marker = match self.get("marker") {
            None => None,
            Some(text) => Some(Uuid::try_parse(text).map_err(|_| ApiError::invalid_marker())?),
        };
        let sort_key = match self.get("sort_key") {
            None => None,
            Some(text) => match sort_keys.iter().find(|(name, _)| *name == text) {
                Some((_, key)) => Some(*key),
                None => {
                    let names: Vec<&str> = sort_keys.iter().map(|(name, _)| *name).collect();
                    let message = format!("Sort key must be one of {}", names.join(", "));
                    return Err(ApiError::bad("invalid_sort_key", message));
                }
            },
        };
        let descending = match self.get("sort_dir") {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => {
                return Err(ApiError::bad(
                    "invalid_sort_dir",
                    "Sort direction must be asc or desc",
                ));
            }
        };
        self.check(filters)?;
        Ok((
            PageRequest {
                limit,
                marker,
                descending,
            },
            sort_key,
        ))
    }

    fn limit(&self) -> Result<i64, ApiError> {
        let refused = || {
            ApiError::bad(
                "invalid_limit",
                format!("Limit must be an integer between 1 and {MAX_LIMIT}"),
            )
        };
        match self.get("limit") {
            None => Ok(DEFAULT_LIMIT),
            Some(text) if text.eq_ignore_ascii_case("max") => Ok(MAX_LIMIT),
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MAX_LIMIT).contains(limit))
                .ok_or_else(refused),
        }
    }

    /// The pattern of a filter, if it was given.
    pub(crate) fn pattern(&self, filter: &str) -> Option<Pattern> {
        self.get(filter).map(Pattern::parse)
    }

    /// The patterns of those of `filters` that were given.
    pub(crate) fn patterns(&self, filters: &[&'static str]) -> Vec<(&'static str, Pattern)> {
        filters
            .iter()
            .filter_map(|filter| Some((*filter, self.pattern(filter)?)))
            .collect()
    }

    /// The query again, encoded as Python's `urlencode` does, with `marker` set anew when one is given. Begins with
    /// `?` when there is anything.
    pub(crate) fn encode(&self, marker: Option<Uuid>) -> String {
        let mut query = String::new();
        let mut push = |key: &str, value: &str| {
            query.push(if query.is_empty() { '?' } else { '&' });
            encode(key, &mut query);
            query.push('=');
            encode(value, &mut query);
        };
        let marker = marker.map(|marker| marker.to_string());
        let mut marker_is_set = false;
        for (key, value) in &self.pairs {
            match &marker {
                Some(marker) if key == "marker" => {
                    marker_is_set = true;
                    push(key, marker);
                }
                _ => push(key, value),
            }
        }
        match &marker {
            Some(marker) if !marker_is_set => push("marker", marker),
            _ => {}
        }
        query
    }
}

fn encode(text: &str, into: &mut String) {
    for octet in text.bytes() {
        match octet {
            b' ' => into.push('+'),
            b'-' | b'.' | b'_' | b'~' => into.push(char::from(octet)),
            octet if octet.is_ascii_alphanumeric() => into.push(char::from(octet)),
            // Writing to a String cannot fail.
            octet => {
                let _ = write!(into, "%{octet:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEYS: &[(&str, u8)] = &[("name", 1), ("id", 2)];

    fn page(query: &str) -> Result<(PageRequest, Option<u8>), ApiError> {
        Query::parse(Some(query)).page(KEYS, &["name"])
    }

    #[test]
    fn limits_are_from_1_to_1000() {
        assert_eq!(page("").unwrap().0.limit, 20);
        assert_eq!(page("limit=max").unwrap().0.limit, 1_000);
        assert_eq!(page("limit=1000").unwrap().0.limit, 1_000);
        for limit in [
            "0",
            "-1",
            "abc",
            "1001",
            "5000",
            "",
            "1.5",
            "99999999999999999999",
            "0x10",
        ] {
            assert!(page(&format!("limit={limit}")).is_err(), "{limit}");
        }
    }

    #[test]
    fn unknown_and_double_parameters_are_refused() {
        assert!(page("colour=red").is_err());
        assert!(page("name=a&name=b").is_err());
        assert!(page("limit=1&limit=2").is_err());
        assert!(page("name=%00").is_err());
        assert!(page("sort_key=colour").is_err());
        assert!(page("sort_dir=up").is_err());
        assert!(page("marker=x").is_err());
        assert_eq!(
            page("sort_key=id&sort_dir=desc&all_projects=true").unwrap().1,
            Some(2)
        );
    }

    #[test]
    fn the_next_page_has_the_same_query_and_a_marker() {
        let query = Query::parse(Some("name=*.example.com.&limit=2"));
        assert_eq!(query.encode(None), "?name=%2A.example.com.&limit=2");
        let next = query.encode(Some(Uuid::nil()));
        assert_eq!(
            next,
            format!("?name=%2A.example.com.&limit=2&marker={}", Uuid::nil())
        );
        let again = Query::parse(Some(&next[1..])).encode(Some(Uuid::max()));
        assert_eq!(
            again,
            format!("?name=%2A.example.com.&limit=2&marker={}", Uuid::max())
        );
    }

    proptest! {
        #[test]
        fn an_encoded_query_means_the_same(pairs in prop::collection::vec((".{0,12}", ".{0,12}"), 1..4)) {
            let query = Query { pairs };
            let encoded = query.encode(None);
            prop_assert!(encoded.is_ascii());
            prop_assert_eq!(Query::parse(Some(&encoded[1..])).pairs, query.pairs);
        }
    }
}

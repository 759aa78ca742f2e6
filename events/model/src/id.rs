//! Typed identifiers, so that a zone's id can never stand where a recordset's is wanted.

use std::fmt;

use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that was made or read elsewhere.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }
    };
}

uuid_id! {
    /// A zone. Its stream in the log has the same UUID.
    ZoneId
}
uuid_id! {
    /// A recordset of a zone.
    RecordsetId
}
uuid_id! {
    /// A pool of DNS servers.
    PoolId
}
uuid_id! {
    /// A resource: a TLD, a blacklist, a TSIG key, a project's quotas, a task ... Its stream in the log has the same UUID.
    ResourceId
}
uuid_id! {
    /// A share of a zone with a project.
    ShareId
}
uuid_id! {
    /// A stream of the log.
    StreamId
}
uuid_id! {
    /// One accepted command: every event that it became carries this id, and a retry of the command has the same.
    ChangeId
}

/// The namespace of the ids of quotas.
const QUOTAS: Uuid = Uuid::from_u128(0x0d51_3f5c_8f0e_5d6b_9a4e_2f7a_61c3_b480);

impl ResourceId {
    /// The id of a project's quotas, of which there is one: it follows from the project (UUID version 5, RFC 9562).
    pub fn of_quotas(project: &ProjectId) -> Self {
        Self(Uuid::new_v5(&QUOTAS, project.as_str().as_bytes()))
    }
}

impl From<ResourceId> for StreamId {
    fn from(resource: ResourceId) -> Self {
        Self(resource.0)
    }
}

impl From<PoolId> for ResourceId {
    fn from(pool: PoolId) -> Self {
        Self(pool.0)
    }
}

impl From<ZoneId> for StreamId {
    fn from(zone: ZoneId) -> Self {
        Self(zone.0)
    }
}

/// A project (tenant) of the cloud: any text of 1 to 36 characters; not always a UUID.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectId(String);

impl ProjectId {
    /// The longest project id, in characters.
    pub const MAX_LENGTH: usize = 36;

    /// Takes a project id; `None` when it is empty, longer than [`Self::MAX_LENGTH`] or holds a control character.
    pub fn new(id: impl Into<String>) -> Option<Self> {
        let id = id.into();
        let length = id.chars().count();
        (1..=Self::MAX_LENGTH).contains(&length).then_some(())?;
        (!id.chars().any(char::is_control)).then_some(Self(id))
    }

    /// The project of all zeros, which is nobody's: what Zonelog makes for itself belongs to it, unless it is configured
    /// otherwise (Designate's default too).
    pub fn nil() -> Self {
        Self(Uuid::nil().to_string())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

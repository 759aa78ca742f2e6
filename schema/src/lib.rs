//! zonelog-schema

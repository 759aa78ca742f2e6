//! zonelog-central

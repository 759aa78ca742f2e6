//! zonelog-store

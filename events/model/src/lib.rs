//! zonelog-model

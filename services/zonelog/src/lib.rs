//! zonelog

//! zonelog-tests

//! zonelog-api

//! zonelog-projections

//! zonelog-reconciler

//! zonelog-mdns

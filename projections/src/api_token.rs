//! Zonelog's own API tokens.

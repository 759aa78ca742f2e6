//! Given, when, then: rules shown by example.

//! Lists of zones and recordsets for the REST API.

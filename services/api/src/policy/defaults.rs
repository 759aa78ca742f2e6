//! Designate's rules with the defaults of today (`enforce_new_defaults`): who may do what when no policy file says
//! otherwise.
//!
//! Two of Designate's defaults let a token that may only read change something, and are stricter here:
//! `create_recordset` in a zone shared with the caller's project, and `create_zone_transfer_accept` by the target of the
//! transfer, both want the role `member`. A policy file that says otherwise is followed.

const ANY: &str = "@";
const ADMIN: &str = "role:admin";
const MEMBER: &str = "(role:admin) or (role:member and project_id:%(project_id)s)";
const READER: &str = "(role:admin) or (role:reader and project_id:%(project_id)s)";
const READER_OR_SHARED: &str =
    "(role:admin) or (role:reader and project_id:%(project_id)s) or ('True':%(zone_shared)s)";
const READER_OR_ALL_TENANTS: &str = "(role:admin) or (role:reader and project_id:%(project_id)s) \
     or (True:%(all_tenants)s and role:reader)";
const CREATE_RECORDSET: &str = "role:member and project_id:%(project_id)s and ('PRIMARY':%(zone_type)s) \
     or role:admin and ('PRIMARY':%(zone_type)s) \
     or role:admin and ('SECONDARY':%(zone_type)s) \
     or role:member and ('True':%(zone_shared)s) and ('PRIMARY':%(zone_type)s)";
const CHANGE_RECORDSET: &str = "role:member and project_id:%(project_id)s and ('PRIMARY':%(zone_type)s) \
     or role:admin and ('PRIMARY':%(zone_type)s) \
     or role:admin and ('SECONDARY':%(zone_type)s) \
     or role:member and (project_id:%(recordset_project_id)s) and ('PRIMARY':%(zone_type)s)";
const SEE_TRANSFER: &str = "((role:admin) or (role:member and project_id:%(project_id)s)) \
     or project_id:%(target_project_id)s or None:%(target_project_id)s";
const ACCEPT_TRANSFER: &str = "((role:admin) or (role:member and project_id:%(project_id)s)) \
     or role:member and (project_id:%(target_project_id)s or None:%(target_project_id)s)";

/// What requests are checked against.
pub(super) const RULES: [(&str, &str); 87] = [
    // blacklist
    ("create_blacklist", ADMIN),
    ("find_blacklists", ADMIN),
    ("get_blacklist", ADMIN),
    ("update_blacklist", ADMIN),
    ("delete_blacklist", ADMIN),
    ("use_blacklisted_zone", ADMIN),
    // context
    ("all_tenants", ADMIN),
    ("edit_managed_records", ADMIN),
    ("use_low_ttl", ADMIN),
    ("use_sudo", ADMIN),
    ("hard_delete", ADMIN),
    // pool
    ("create_pool", ADMIN),
    ("find_pools", ADMIN),
    ("find_pool", ADMIN),
    ("get_pool", ADMIN),
    ("update_pool", ADMIN),
    ("delete_pool", ADMIN),
    ("zone_create_forced_pool", ADMIN),
    // quota
    ("get_quotas", READER_OR_ALL_TENANTS),
    ("set_quota", ADMIN),
    ("reset_quotas", ADMIN),
    // record
    ("find_records", READER),
    ("count_records", READER),
    // recordset
    ("create_recordset", CREATE_RECORDSET),
    ("get_recordsets", READER),
    ("get_recordset", READER_OR_SHARED),
    ("find_recordset", READER),
    ("find_recordsets", READER),
    ("update_recordset", CHANGE_RECORDSET),
    ("delete_recordset", CHANGE_RECORDSET),
    ("count_recordset", READER),
    // service_status
    ("find_service_status", ADMIN),
    ("find_service_statuses", ADMIN),
    ("update_service_status", ADMIN),
    ("delete_service_status", ADMIN),
    // shared_zones
    ("get_zone_share", MEMBER),
    ("share_zone", MEMBER),
    ("find_zone_shares", ANY),
    ("find_project_zone_share", MEMBER),
    ("unshare_zone", MEMBER),
    // tenant
    ("find_tenants", ADMIN),
    ("get_tenant", ADMIN),
    ("count_tenants", ADMIN),
    // tld
    ("create_tld", ADMIN),
    ("find_tlds", ADMIN),
    ("get_tld", ADMIN),
    ("update_tld", ADMIN),
    ("delete_tld", ADMIN),
    // tsigkey
    ("create_tsigkey", ADMIN),
    ("find_tsigkeys", ADMIN),
    ("get_tsigkey", ADMIN),
    ("update_tsigkey", ADMIN),
    ("delete_tsigkey", ADMIN),
    // zone
    ("create_zone", MEMBER),
    ("get_zones", READER),
    ("get_zone", READER_OR_SHARED),
    ("get_zone_servers", READER),
    ("get_zone_ns_records", READER),
    ("find_zones", READER),
    ("update_zone", MEMBER),
    ("delete_zone", MEMBER),
    ("xfr_zone", MEMBER),
    ("abandon_zone", ADMIN),
    ("count_zones", READER),
    ("count_zones_pending_notify", READER),
    ("purge_zones", ADMIN),
    ("pool_move_zone", ADMIN),
    // zone_export
    ("zone_export", MEMBER),
    ("create_zone_export", MEMBER),
    ("find_zone_exports", READER),
    ("get_zone_export", READER),
    ("update_zone_export", MEMBER),
    ("delete_zone_export", MEMBER),
    // zone_import
    ("create_zone_import", MEMBER),
    ("find_zone_imports", READER),
    ("get_zone_import", READER),
    ("update_zone_import", MEMBER),
    ("delete_zone_import", MEMBER),
    // zone_transfer_accept
    ("create_zone_transfer_accept", ACCEPT_TRANSFER),
    ("get_zone_transfer_accept", READER),
    ("find_zone_transfer_accepts", ADMIN),
    // zone_transfer_request
    ("create_zone_transfer_request", MEMBER),
    ("get_zone_transfer_request", SEE_TRANSFER),
    ("get_zone_transfer_request_detailed", READER),
    ("find_zone_transfer_requests", ANY),
    ("update_zone_transfer_request", MEMBER),
    ("delete_zone_transfer_request", MEMBER),
];

/// Rules that Designate defines for use in other rules (`rule:admin_or_owner`). A policy file may use them, and may
/// define them anew.
pub(super) const BASE_RULES: [(&str, &str); 4] = [
    ("admin", "role:admin or is_admin:True"),
    ("owner", "project_id:%(tenant_id)s"),
    ("admin_or_owner", "rule:admin or rule:owner"),
    ("default", MEMBER),
];

/// Names of rules that older policy files of Designate define: allowed also where nothing uses them.
pub(super) const LEGACY_RULES: [&str; 8] = [
    "primary_zone",
    "target",
    "owner_or_target",
    "admin_or_target",
    "admin_or_owner_or_target",
    "zone_primary_or_admin",
    "shared",
    "admin_or_owner_or_shared",
];

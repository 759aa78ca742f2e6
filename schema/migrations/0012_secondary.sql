-- Zones that are transferred from a primary elsewhere.

alter table zone
    add column masters jsonb;                      -- where a secondary zone is transferred from: [{"host", "port"}, ..];
                                                   -- null: a primary zone
-- Live secondary zones are few among many primary ones.
create index zone_secondary on zone (created_at, id) where masters is not null and deleted_at is null;

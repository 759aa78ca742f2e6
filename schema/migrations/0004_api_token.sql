-- Zonelog's own API tokens: project-scoped, for installations without Keystone. Only a digest is kept.
create table api_token (
    id          uuid        primary key,
    digest      bytea       not null unique,       -- SHA-256 of the token (256 random bits need no salt)
    name        text        not null,
    project     text        not null,
    roles       text[]      not null,
    created_at  timestamptz not null,
    expires_at  timestamptz,
    revoked_at  timestamptz
);

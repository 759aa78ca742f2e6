-- A deletion that takes the zone's file along at the name servers, whatever their targets' options say.
alter table zone add column hard_deleted boolean not null default false;

-- The log position of a recordset's version is that of the serial that it begins with, in zone_serial: a change of very many
-- makes its versions before it knows its positions.
alter table recordset_version drop column since_position;

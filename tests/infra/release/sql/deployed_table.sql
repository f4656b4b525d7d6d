-- The window table as the first release made it, in SQLite's words. A deployed database has it: never change this file.
CREATE TABLE sensor_windows (
    device VARCHAR(128) NOT NULL,
    sensor VARCHAR(128) NOT NULL,
    window_end DATETIME NOT NULL,
    reading_count BIGINT NOT NULL,
    mean_value DOUBLE NOT NULL,
    min_value DOUBLE NOT NULL,
    max_value DOUBLE NOT NULL,
    stdev_value DOUBLE NOT NULL,
    CONSTRAINT pk_sensor_windows PRIMARY KEY (device, sensor, window_end)
) WITHOUT ROWID

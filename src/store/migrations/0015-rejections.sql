-- Of a delivery's attempts those that its receiver rejected: only these make a dead letter of it, whatever failed before.
ALTER TABLE aperture.deliveries ADD COLUMN rejections int NOT NULL DEFAULT 0;

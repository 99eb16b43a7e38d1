-- Which kinds of events a destination is told (src/contract/event.ts): so that whoever causes one needs to know no
-- config. Written by the deliveries thread; empty for a destination that is in the config no more, and for hooks.
ALTER TABLE aperture.delivery_destinations ADD COLUMN events text[] NOT NULL DEFAULT '{}';

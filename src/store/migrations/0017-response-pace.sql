-- When the bytes of a streamed response came (src/lib/pace.ts): bytes and milliseconds by turns, each since the mark
-- before. Null where it was no stream, or nobody noted it. At the end of both tables: held rows are copied by position.
ALTER TABLE aperture.captures ADD COLUMN response_pace jsonb;
ALTER TABLE aperture.held_captures ADD COLUMN response_pace jsonb;

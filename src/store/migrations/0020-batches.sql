-- Of a batch, and of a file that one made: the batch, and its model if it named exactly one.
ALTER TABLE aperture.resources ADD COLUMN batch text, ADD COLUMN batch_model text;

-- Results of batches whose usage is booked: by what was read, a file or the batch itself, once for good, however often it is
-- read again (src/store/batches.ts). Their sums are records of their own.
CREATE TABLE aperture.booked_batches (
  provider text COLLATE "C" NOT NULL,
  login text NOT NULL,
  read_of text COLLATE "C" NOT NULL,
  read_id text COLLATE "C" NOT NULL,
  batch text NOT NULL,
  -- The record of the exchange that read it first, and those that its sums are booked as.
  first_read uuid NOT NULL,
  records uuid[] NOT NULL,
  booked_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (read_of, read_id, provider, login)
);

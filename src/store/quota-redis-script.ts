/*
 * What Redis runs for buckets of quotas, in one step each. A bucket is a hash: its terms, its balance, and a field for each
 * life ("seen held told_at"). Redis' own clock counts, in milliseconds since the epoch. Lua writes a number with 14 digits
 * unless it is told otherwise, and answers whole numbers only: so numbers are text with the 17 that a double needs.
 */
const SHARED = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000

local function text(number)
  return string.format('%.17g', number)
end

-- Fields by name, and what each life said; nil where there is no bucket.
local function read(key)
  local flat = redis.call('HGETALL', key)
  if #flat == 0 then return nil end
  local bucket = { lives = {} }
  for i = 1, #flat, 2 do
    local life = string.match(flat[i], '^life:(.*)$')
    if life then
      local seen, held, told_at = string.match(flat[i + 1], '^(%S+) (%S+) (%S+)$')
      bucket.lives[life] = { seen = tonumber(seen), held = tonumber(held), told_at = tonumber(told_at) }
    elseif flat[i] == 'generation' or flat[i] == 'origin_generation' then
      bucket[flat[i]] = flat[i + 1]
    else
      bucket[flat[i]] = tonumber(flat[i + 1])
    end
  end
  return bucket
end

-- A clock that was set back refills nothing.
local function refilled(bucket)
  local elapsed = math.max(0, now - bucket.refilled_at)
  return math.min(bucket.capacity, bucket.balance + bucket.rate_amount * elapsed / bucket.rate_period_ms)
end

local function holds(life)
  return math.abs(now - life.told_at) <= tonumber(ARGV[1])
end
`;

/**
 * KEYS: the index of keys, the lives, since when claims have come, then the bucket of each claim.
 * ARGV: HOLD_MS, LIFE_KEPT_MS, QUIET_MS, the life, the claims as JSON, then of each claim its key and a generation.
 * Answers generation, balance, heldByOthers and held of each claim.
 */
export const CLAIM_SCRIPT = `${SHARED}
local keep_ms, quiet_ms, claiming, claims = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], cjson.decode(ARGV[5])
local last = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
if not last or now - last > quiet_ms then redis.call('SET', KEYS[3], text(now)) end
local forgets = now - (redis.call('GET', KEYS[3]) or now) > quiet_ms
-- A life that is heard of in any bucket is not forgotten where it is idle.
redis.call('ZADD', KEYS[2], text(now), claiming)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(now - keep_ms))

local answers = {}
for i, claim in ipairs(claims) do
  local key = KEYS[3 + i]
  local known = claim.known
  local bucket = read(key)
  if not bucket then
    local balance = claim.capacity
    if known then balance = math.min(known.balance, claim.capacity) end
    bucket = {
      lives = {}, generation = ARGV[5 + 2 * i], balance = balance, refilled_at = now,
      capacity = claim.capacity, rate_amount = claim.rate.amount, rate_period_ms = claim.rate.periodMs,
      origin_generation = known and known.generation or '', origin_balance = balance,
    }
  end

  -- Refilled as it was defined until now, then fitted to what it is defined as from now on.
  local balance = math.min(refilled(bucket), claim.capacity)

  local already = 0
  local own = bucket.lives[claiming]
  if own then
    already = own.seen
  elseif known and known.generation ~= bucket.generation then
    already = known.spent
    -- Made again from what somebody knew who had heard of it earlier: what was spent in between is in what we know.
    if bucket.origin_generation == '' or bucket.origin_generation == known.generation then
      local missed = math.max(0, bucket.origin_balance - known.balance)
      balance = balance - missed
      bucket.origin_balance = bucket.origin_balance - missed
      bucket.origin_generation = known.generation
    end
  end
  balance = balance - math.max(0, claim.spent - already)

  local others = 0
  for name, life in pairs(bucket.lives) do
    if name ~= claiming then
      if holds(life) then others = others + life.held end
      if forgets and now - life.told_at > keep_ms and not redis.call('ZSCORE', KEYS[2], name) then
        redis.call('HDEL', key, 'life:' .. name)
      end
    end
  end

  local extra = math.max(0, balance - others - claim.committed)
  local give = math.min(claim.asked, extra)
  local held = claim.committed + give + math.min(claim.lease, math.floor((extra - give) / 4))

  redis.call('HSET', key,
    'generation', bucket.generation, 'capacity', text(claim.capacity),
    'rate_amount', text(claim.rate.amount), 'rate_period_ms', text(claim.rate.periodMs),
    'balance', text(balance), 'refilled_at', text(now), 'told_at', text(now),
    'origin_generation', bucket.origin_generation, 'origin_balance', text(bucket.origin_balance),
    'life:' .. claiming, text(math.max(already, claim.spent)) .. ' ' .. text(held) .. ' ' .. text(now))
  redis.call('ZADD', KEYS[1], 0, ARGV[4 + 2 * i])
  answers[i] = { bucket.generation, text(balance), text(others), text(held) }
end
return answers
`;

/**
 * KEYS: buckets. ARGV: HOLD_MS.
 * Answers capacity, rate, its period, balance, held and when it was told of, for each; nothing where there is none.
 */
export const LIST_SCRIPT = `${SHARED}
local rows = {}
for i, key in ipairs(KEYS) do
  local bucket = read(key)
  if bucket then
    local held = 0
    for _, life in pairs(bucket.lives) do
      if holds(life) then held = held + life.held end
    end
    rows[i] = {
      text(bucket.capacity), text(bucket.rate_amount), text(bucket.rate_period_ms), text(refilled(bucket)), text(held),
      text(bucket.told_at),
    }
  else
    rows[i] = {}
  end
end
return rows
`;

/** KEYS: a bucket. ARGV: HOLD_MS, the amount. Answers 0 where there is no such bucket. */
export const REFILL_SCRIPT = `${SHARED}
local bucket = read(KEYS[1])
if not bucket then return 0 end
local balance = math.min(bucket.capacity, refilled(bucket) + tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], 'balance', text(balance), 'refilled_at', text(now), 'told_at', text(now))
return 1
`;

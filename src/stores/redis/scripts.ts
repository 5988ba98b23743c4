import { createHash } from 'node:crypto'
import { ROTATED_FOR } from '../../core/store.js'
import { RECORD_FORMAT } from '../../core/record.js'
import type { Connection } from './client.js'

/**
 * What a script answers: an `Outcome`, or
 * - `created` and `live`: done, and the record was there;
 * - `exists`: the key that was to be filled is taken; nothing was written;
 * - `unreadable`: the hash is not a record of this format; nothing was written, except that a delete removed it.
 */
export type Answer = 'created' | 'updated' | 'live' | 'gone' | 'rotated' | 'conflict' | 'exists' | 'unreadable'

/** A Lua script, known to the server by its SHA-1. It touches only the keys that it is given, and runs as one step. */
export class Script {
  readonly #text: string
  readonly #sha: string

  constructor(body: string) {
    this.#text = SHARED + body
    this.#sha = createHash('sha1').update(this.#text).digest('hex')
  }

  /** One EVALSHA. A server that doesn't know the script (new, restarted, flushed) is sent its text, once. */
  async run(connection: Connection, keys: readonly string[], args: readonly string[]): Promise<Answer> {
    const rest = [String(keys.length), ...keys, ...args]
    try {
      return (await connection.send(['evalsha', this.#sha, ...rest])) as Answer
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return (await connection.send(['eval', this.#text, ...rest])) as Answer
    }
  }
}

/** How much longer Redis keeps a key than it lives, in milliseconds. */
const GRACE = 1000

/**
 * What the scripts share. ARGV[1] is always the store's clock: a record that is over by it counts as gone, even when
 * Redis would still keep it. Numbers of 13 digits are written as they came or through `%.0f`, because Lua's own
 * conversion would make 1.7952e+12 of them.
 */
const SHARED = `
local now = tonumber(ARGV[1])

local function number(text)
  return text and #text <= 17 and string.match(text, '^%-?%d+$') and tonumber(text)
end

local function look(key)
  local rotated, format, l, i, e, v, s = unpack(redis.call('HMGET', key, 'r', 'f', 'l', 'i', 'e', 'v', 's'))
  if rotated then return (number(rotated) or 0) > now and 'rotated' or 'gone' end
  if not format then return redis.call('EXISTS', key) == 0 and 'gone' or 'unreadable' end
  l, i, e, v = number(l), number(i), number(e), number(v)
  if format ~= '${RECORD_FORMAT}' or not (l and i and e and v) then return 'unreadable' end
  if now >= math.min(l + i, e) then return 'gone' end
  return 'live', { l = l, i = i, e = e, v = v, s = s }
end

local function whole(number) return string.format('%.0f', number) end

-- A living key stays a moment longer than it lives: the store's clock decides, and that of Redis may run ahead of it.
local function expire(key, at)
  local left = at - now
  redis.call('PEXPIRE', key, whole(left > 0 and left + ${GRACE} or 1))
end

local function put(key, from, to)
  for at = from, to, 1000 do redis.call('HSET', key, unpack(ARGV, at, math.min(at + 999, to))) end
end

local function drop(key, from, to)
  for at = from, to, 1000 do redis.call('HDEL', key, unpack(ARGV, at, math.min(at + 999, to))) end
end

local function member(key) return string.match(key, '[^:]*$') end

local function tidy(index)
  redis.call('ZREMRANGEBYSCORE', index, '-inf', ARGV[1])
  local last = redis.call('ZRANGE', index, -1, -1, 'WITHSCORES')
  if last[2] then expire(index, tonumber(last[2])) end
end

local function leave(index, key)
  redis.call('ZREM', index, member(key))
  tidy(index)
end

-- Gives a key that was just written its TTL, and its entry in the subject's index where that isn't right already.
local function keep(key, index, indexed)
  local l, i, e, s = unpack(redis.call('HMGET', key, 'l', 'i', 'e', 's'))
  expire(key, math.min(l + i, e))
  if s and tonumber(e) ~= indexed then
    redis.call('ZADD', index, e, member(key))
    tidy(index)
  end
end

-- ARGV: now, the version it applies to or '', lastSeenAt or '', the count of what to set, fields and values, fields to remove.
local function refused(kept) return ARGV[2] ~= '' and tonumber(ARGV[2]) ~= kept.v end

local function patch(key, kept)
  redis.call('HSET', key, 'v', whole(kept.v + 1))
  if ARGV[3] ~= '' and tonumber(ARGV[3]) > kept.l then redis.call('HSET', key, 'l', ARGV[3]) end
  local sets = 4 + tonumber(ARGV[4])
  put(key, 5, sets)
  drop(key, sets + 1, #ARGV)
end
`

/**
 * KEYS: record, index. ARGV: now, fields and values. Nothing is deleted where nothing is: after a first write Redis would
 * no longer refuse the others for want of memory.
 */
export const CREATE = new Script(`
if look(KEYS[1]) ~= 'gone' then return 'exists' end
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DEL', KEYS[1]) end
put(KEYS[1], 2, #ARGV)
keep(KEYS[1], KEYS[2])
return 'created'
`)

/** KEYS: record, index. ARGV: a patch. */
export const UPDATE = new Script(`
local state, kept = look(KEYS[1])
if state ~= 'live' then return state end
if refused(kept) then return 'conflict' end
patch(KEYS[1], kept)
keep(KEYS[1], KEYS[2], kept.e)
return 'updated'
`)

/** KEYS: record. ARGV: now, lastSeenAt. */
export const TOUCH = new Script(`
local state, kept = look(KEYS[1])
if state == 'live' and tonumber(ARGV[2]) > kept.l then
  redis.call('HSET', KEYS[1], 'l', ARGV[2])
  expire(KEYS[1], math.min(ARGV[2] + kept.i, kept.e))
end
return state
`)

/** KEYS: record, index. ARGV: now. A key that was rotated away stays as it is. */
export const DELETE = new Script(`
local state = look(KEYS[1])
if state == 'rotated' then return state end
redis.call('DEL', KEYS[1])
leave(KEYS[2], KEYS[1])
return state
`)

/**
 * KEYS: old record, old index, new record, new index. ARGV: a patch. The one script whose keys lie in two slots, when
 * the tag changes: a Redis Cluster would refuse it, and has to replace it.
 */
export const ROTATE = new Script(`
local state, kept = look(KEYS[1])
if state ~= 'live' then return state end
if refused(kept) then return 'conflict' end
if look(KEYS[3]) ~= 'gone' then return 'exists' end
redis.call('RENAME', KEYS[1], KEYS[3])
patch(KEYS[3], kept)
keep(KEYS[3], KEYS[4])
redis.call('HSET', KEYS[1], 'r', whole(now + ${ROTATED_FOR}))
redis.call('PEXPIRE', KEYS[1], ${ROTATED_FOR})
if kept.s then leave(KEYS[2], KEYS[1]) end
return 'updated'
`)

import { MEMBERS, Script } from './script.js'

/*
 * Scripts over what connect-redis keeps: a text under a prefix and the id. They touch keys of several slots, so they are for
 * a single server.
 */

/**
 * KEYS: theirs. ARGV: now, the most bytes that are read. Answers a list: nothing, `kind` or `large`, or `there` with the text,
 * the milliseconds that it lives on (less than 0 for ever), and its digest. An empty text is none there either.
 */
export const FOREIGN = new Script(`
local size = redis.pcall('STRLEN', KEYS[1])
if type(size) ~= 'number' then return { 'kind' } end
if size == 0 then return {} end
if size > tonumber(ARGV[2]) then return { 'large', size } end
local text = redis.call('GET', KEYS[1])
return { 'there', text, redis.call('PTTL', KEYS[1]), redis.sha1hex(text) }
`)

/**
 * KEYS: theirs, former key, record, and if it has a subject the index and, for a limit, its members. ARGV: now, max or '',
 * onLimit, subject or '', the end of the record, the end of its lifetime, the digest of theirs, until when the former key is
 * known, the key of the record, the sealed id, fields and values. Answers a list as CREATE does, or `taken`, `changed`.
 */
export const ADOPT = new Script(`${MEMBERS}
if look(KEYS[2]) ~= 'gone' then return { 'taken' } end
local text = redis.pcall('GET', KEYS[1])
if type(text) ~= 'string' or redis.sha1hex(text) ~= ARGV[7] then return { 'changed' } end
if look(KEYS[3]) ~= 'gone' then return { 'exists' } end
local subject, others, dead, refusal = ARGV[4], {}, {}, nil
if subject ~= '' and ARGV[2] ~= '' then
  others, dead, refusal = excess(KEYS[4], subject, ARGV[2], ARGV[3])
  if refusal then return refusal end
end
put(KEYS[3], 11, #ARGV)
expire(KEYS[3], tonumber(ARGV[5]))
redis.call('HSET', KEYS[2], 'r', ARGV[8], 'n', ARGV[9], 'z', ARGV[10])
expire(KEYS[2], tonumber(ARGV[8]))
redis.call('DEL', KEYS[1])
local answer, leaving = { 'created' }, {}
if subject ~= '' then
  evict(others, leaving, answer)
  bury(dead, leaving)
  enter(KEYS[4], KEYS[3], tonumber(ARGV[6]), leaving)
  if ARGV[2] == '' and isCrowded(KEYS[4]) then answer[1] = 'crowded' end
end
return answer
`)

/** KEYS: theirs. ARGV: now, the digest of what may go, or '' for anything. Whether it is gone. */
export const FORGET = new Script(`
local text = redis.pcall('GET', KEYS[1])
if not text then return 1 end
if ARGV[2] ~= '' and (type(text) ~= 'string' or redis.sha1hex(text) ~= ARGV[2]) then return 0 end
return redis.call('DEL', KEYS[1])
`)

/** KEYS: record. ARGV: now. */
export const SETTLE = new Script(`
local state = look(KEYS[1])
if state == 'live' then redis.call('HDEL', KEYS[1], 'f') end
return state
`)

/**
 * As CONFIRM, for a former key with another tag: that of a session of another library. It keeps its sealed id, and is known
 * as long as it was.
 */
export const CONFIRM_FOREIGN = new Script(`
local state = look(KEYS[1])
if state ~= 'live' or redis.call('HGET', KEYS[1], 'k') ~= ARGV[2] then return state end
redis.call('HDEL', KEYS[1], 'k')
if look(KEYS[2]) == 'rotated' then redis.call('HSET', KEYS[2], 'g', ARGV[3]) end
return state
`)

import { REUSE_KNOWN_FOR, ROTATED_FOR } from '../../core/store.js'
import { MEMBERS, Script } from './script.js'

/*
 * Scripts over single records. They answer with an `Outcome`, or
 * - `created` and `live`: done, and the record was there;
 * - `crowded`: done, and the index is worth a look;
 * - `exists`: the key that was to be filled is taken; nothing was written;
 * - `limit`: the subject has too many sessions; nothing was written;
 * - `again` and the members of the index: not all of them were declared; nothing was written;
 * - `unindexed`: the index was not declared, and it has to change; nothing was written;
 * - `unreadable`: the hash is not a record of this format; nothing was written, except that a delete removed it.
 *
 * Two rules of Redis show in them. After a first write it no longer refuses the others for want of memory: so nothing is
 * deleted before something was written, where both are done. And while a slot is on its way to another server, a script
 * fails half-way that touches a key which it has made disappear: so none does.
 */

/**
 * KEYS: record, and if it has a subject the index and, for a limit, its members. ARGV: now, max or '', onLimit, subject or
 * '', the end of the record, the end of its lifetime, fields and values. Answers a list, with the handles of whom it ended.
 */
export const CREATE = new Script(`${MEMBERS}
if look(KEYS[1]) ~= 'gone' then return { 'exists' } end
local subject, others, dead, refusal = ARGV[4], {}, {}, nil
if subject ~= '' and ARGV[2] ~= '' then
  others, dead, refusal = excess(KEYS[2], subject, ARGV[2], ARGV[3])
  if refusal then return refusal end
end
local fields, before = {}, redis.call('HKEYS', KEYS[1])
put(KEYS[1], 7, #ARGV)
for at = 7, #ARGV, 2 do fields[ARGV[at]] = true end
clear(KEYS[1], before, fields)
expire(KEYS[1], tonumber(ARGV[5]))
local answer, leaving = { 'created' }, {}
if subject ~= '' then
  evict(others, leaving, answer)
  bury(dead, leaving)
  enter(KEYS[2], KEYS[1], tonumber(ARGV[6]), leaving)
  if ARGV[2] == '' and isCrowded(KEYS[2]) then answer[1] = 'crowded' end
end
return answer
`)

/** KEYS: record, and the index where `unindexed` has asked for it. ARGV: now, a change. */
export const UPDATE = new Script(`
local state, it = look(KEYS[1])
if state ~= 'live' then return state end
if refused(it) then return 'conflict' end
local indexed = it.e
move(it)
local isMoved = it.s and it.e ~= indexed
if isMoved and not KEYS[2] then return 'unindexed' end
write(it, 7)
expire(it.key, it.ends)
if isMoved then enter(KEYS[2], it.key, it.e, {}) end
return 'updated'
`)

/** KEYS: record. ARGV: now, lastSeenAt. */
export const TOUCH = new Script(`
local state, it = look(KEYS[1])
if state == 'live' and tonumber(ARGV[2]) > it.l then
  it.l = tonumber(ARGV[2])
  save(it)
  expire(it.key, math.min(it.l + it.i, it.e))
end
return state
`)

/** KEYS: record, index. ARGV: now. A key that was rotated away stays as it is. */
export const DELETE = new Script(`
local state = look(KEYS[1])
if state == 'rotated' then return state end
redis.call('DEL', KEYS[1])
leave(KEYS[2], { KEYS[1] })
return state
`)

/**
 * KEYS: old record, old index, new record, new index, for a limit the members of the new index. On a Redis Cluster only
 * where the tag stays the same. ARGV: now, a change as far as [6], [7] subject or '', [8] rotatedAt, [9] authenticatedAt or
 * '' for no sign-in, [10] the code of where from or '', [11] sealed id or '', [12] max or '', [13] onLimit, [14] the rest
 * of the change. Answers a list, with the handles of whom it ended.
 */
export const ROTATE = new Script(`${MEMBERS}
local state, it = look(KEYS[1])
if state ~= 'live' then return { state } end
if refused(it) then return { 'conflict' } end
if look(KEYS[3]) ~= 'gone' then return { 'exists' } end
local subject, former, others, dead, refusal = ARGV[7], it.s, {}, {}, nil
if subject ~= '' and ARGV[12] ~= '' then
  others, dead, refusal = excess(KEYS[4], subject, ARGV[12], ARGV[13], KEYS[1])
  if refusal then return refusal end
end

move(it)
it.r = tonumber(ARGV[8])
if subject == '' then it.a, it.s = nil, nil
else
  it.s = subject
  if ARGV[9] ~= '' then it.a = tonumber(ARGV[9]) end
end
if ARGV[9] ~= '' then it.o = ARGV[10] end
write(it, 14)
if ARGV[9] ~= '' and not it.isBeside then redis.call('HDEL', KEYS[1], 'o') end
if it.s then redis.call('HSET', KEYS[1], 's', it.s) else redis.call('HDEL', KEYS[1], 's') end
if ARGV[11] == '' then redis.call('HDEL', KEYS[1], 'k') else redis.call('HSET', KEYS[1], 'k', member(KEYS[1])) end
redis.call('RENAME', KEYS[1], KEYS[3])
expire(KEYS[3], it.ends)
if ARGV[11] == '' then
  redis.call('HSET', KEYS[1], 'r', whole(now + ${ROTATED_FOR}))
  expire(KEYS[1], now + ${ROTATED_FOR})
else
  redis.call('HSET', KEYS[1], 'r', whole(it.e), 'n', member(KEYS[3]), 'z', ARGV[11])
  expire(KEYS[1], it.e)
end

local answer, leaving = { 'updated' }, {}
if former and not (it.s and KEYS[2] == KEYS[4]) then leave(KEYS[2], { KEYS[1] })
elseif former then leaving[1] = KEYS[1] end
if it.s then
  evict(others, leaving, answer)
  bury(dead, leaving)
  enter(KEYS[4], KEYS[3], it.e, leaving)
  if ARGV[12] == '' and isCrowded(KEYS[4]) then answer[1] = 'crowded' end
end
return answer
`)

/**
 * KEYS: record, and former key if it has the same tag. ARGV: now, the former key as the record has it, until when it is
 * good.
 */
export const CONFIRM = new Script(`
local state = look(KEYS[1])
if state ~= 'live' or redis.call('HGET', KEYS[1], 'k') ~= ARGV[2] then return state end
redis.call('HDEL', KEYS[1], 'k')
if KEYS[2] and look(KEYS[2]) == 'rotated' then
  local known = tonumber(ARGV[3]) + ${REUSE_KNOWN_FOR}
  redis.call('HDEL', KEYS[2], 'z')
  redis.call('HSET', KEYS[2], 'r', whole(known), 'n', member(KEYS[1]), 'g', ARGV[3])
  expire(KEYS[2], known)
end
return state
`)

/**
 * The last step of a move to another slot of a cluster: the old record goes, if it is still what the new one was made of.
 * KEYS: old record, and its index if it has a subject. ARGV: now, version or '' for any, lastSeenAt, the member that the
 * new record is in its index. Answers a list: `left`, also the second time; `changed` with what the record is now; or why
 * there is none.
 */
export const LEAVE = new Script(`
local state, it = look(KEYS[1])
if state == 'rotated' and redis.call('HGET', KEYS[1], 't') == ARGV[4] then return { 'left' } end
if state ~= 'live' then return { state } end
if ARGV[2] ~= '' and (it.v ~= tonumber(ARGV[2]) or it.l ~= tonumber(ARGV[3])) then
  return { 'changed', redis.call('HGETALL', KEYS[1]) }
end
local fields = redis.call('HKEYS', KEYS[1])
redis.call('HSET', KEYS[1], 'r', whole(now + ${ROTATED_FOR}), 't', ARGV[4])
clear(KEYS[1], fields, { r = true, t = true })
expire(KEYS[1], now + ${ROTATED_FOR})
if KEYS[2] then leave(KEYS[2], { KEYS[1] }) end
return { 'left' }
`)

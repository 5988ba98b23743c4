import { MEMBERS, Script } from './script.js'

/*
 * Scripts over the sessions of a subject. KEYS: the index, and the records of its members. They answer a list: `done` and
 * what is asked for, or `again` and the members of the index, because not all of them were declared. ARGV: now, subject.
 *
 * In every form a record has its subject in s, and its head begins with the handle: so also those of a newer release, which
 * can't be read, are not taken for somebody else's.
 *
 * What has ended leaves the index on the way. Another subject with the same tag shares it, and is left alone.
 */

/** Each session as a list of its member and its fields. */
export const LIST = new Script(`${MEMBERS}
local found, dead, _, members = sessions(KEYS[1], ARGV[2])
if members then return again(members) end
local answer, leaving = { 'done' }, {}
for at, it in ipairs(found) do answer[at + 1] = { member(it.key), redis.call('HGETALL', it.key) } end
bury(dead, leaving)
settle(KEYS[1], leaving)
return answer
`)

/** ARGV[3]: a handle. The one session that has it, as its member and its fields; it answers as soon as that is met. */
export const FIND = new Script(`${MEMBERS}
local found, dead, _, members = sessions(KEYS[1], ARGV[2])
for _, it in ipairs(found) do
  if it.h == ARGV[3] then return { 'done', { member(it.key), redis.call('HGETALL', it.key) } } end
end
if members then return again(members) end
local leaving = {}
bury(dead, leaving)
settle(KEYS[1], leaving)
return { 'done' }
`)

/** How many there are. */
export const COUNT = new Script(`${MEMBERS}
local found, dead, _, members = sessions(KEYS[1], ARGV[2])
if members then return again(members) end
local leaving = {}
bury(dead, leaving)
settle(KEYS[1], leaving)
return { 'done', #found }
`)

/** ARGV[3]: a handle. How many it ended. */
export const REVOKE = new Script(`${MEMBERS}
local found, dead, _, members = sessions(KEYS[1], ARGV[2])
local leaving, count = {}, 0
for _, it in ipairs(found) do
  if it.h == ARGV[3] then
    finish(it, leaving)
    count = 1
  end
end
if members and count == 0 then return again(members) end
bury(dead, leaving)
settle(KEYS[1], leaving)
return { 'done', count }
`)

/**
 * ARGV[3]: the handle of one to leave, or ''. The handles of those it ended, and all members. The declared ones are ended
 * also where that asks for `again`. What can't be read is ended too, unless it says that it is somebody else's.
 */
export const REVOKE_ALL = new Script(`${MEMBERS}
local found, dead, broken, members = sessions(KEYS[1], ARGV[2])
local ended, leaving = {}, {}
for _, it in ipairs(found) do
  if it.h ~= ARGV[3] then
    finish(it, leaving)
    ended[#ended + 1] = it.h
  end
end
for _, key in ipairs(broken) do
  local fields = redis.pcall('HMGET', key, 's', '1', '2', '3', '4', '5', '6', '7', '8', '9')
  local isAnothers, handle = fields.err or fields[1] and fields[1] ~= ARGV[2], ''
  for at = 2, 10 do handle = fields[at] and string.match(fields[at], '^[^ +]*') or handle end
  if not isAnothers and (handle == '' or handle ~= ARGV[3]) then
    finish({ key = key }, leaving)
    if handle ~= '' then ended[#ended + 1] = handle end
  end
end
bury(dead, leaving)
settle(KEYS[1], leaving)
return { members and 'again' or 'done', ended, members or {} }
`)

/** ARGV: now, subject, a change from [3] on. How many it changed. */
export const UPDATE_ALL = new Script(`${MEMBERS}
local found, dead, _, members = sessions(KEYS[1], ARGV[2])
if members then return again(members) end
for _, it in ipairs(found) do
  move(it)
  write(it, 7)
end
local leaving = {}
bury(dead, leaving)
settle(KEYS[1], leaving)
return { 'done', #found }
`)

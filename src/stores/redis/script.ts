import { createHash } from 'node:crypto'
import type { Connection } from './client.js'
import { COMPACT } from './head.js'

/** A Lua script, known to the server by its SHA-1. It touches only the keys that it is given, and runs as one step. */
export class Script {
  readonly #text: string
  readonly #sha: string

  constructor(body: string) {
    this.#text = SHARED + body
    this.#sha = createHash('sha1').update(this.#text).digest('hex')
  }

  /** One EVALSHA. A server that doesn't know the script (new, restarted, flushed) is sent its text, once. */
  async run(connection: Connection, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args]
    try {
      return await connection.send(['evalsha', this.#sha, ...rest], keys[0])
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return connection.send(['eval', this.#text, ...rest], keys[0])
    }
  }
}

/** How long Redis keeps what is over, in milliseconds. */
const KEPT_FOR = 5000

/**
 * What the scripts share. ARGV[1] is always the store's clock: a record that is over by it counts as gone, even when
 * Redis would still keep it. Whole numbers are written through `%.0f`, because Lua's own conversion would make 1.7952e+12
 * of a time. The head of a record is read and written as head.ts and numbers.ts do.
 */
const SHARED = `
local now = tonumber(ARGV[1])

local function whole(number) return string.format('%.0f', number) end

local function number(text)
  local sign, digits = string.match(text, '^(%-?)([0-9a-z]+)$')
  if not digits or #digits > 11 then return nil end
  local value = tonumber(digits, 36)
  if value > 9007199254740991 then return nil end
  return sign == '-' and -value or value
end

local function text(number)
  local sign, digits = '', ''
  if number < 0 then sign, number = '-', -number end
  repeat
    local last = math.fmod(number, 36)
    digits = string.sub('0123456789abcdefghijklmnopqrstuvwxyz', last + 1, last + 1) .. digits
    number = (number - last) / 36
  until number == 0
  return sign .. digits
end

-- A length of time: whole minutes, or milliseconds after a dot.
local function span(number)
  if math.fmod(number, 60000) == 0 then return text(number / 60000) end
  return '.' .. text(number)
end

local function unspan(content)
  if string.sub(content, 1, 1) == '.' then return number(string.sub(content, 2)) end
  local minutes = number(content)
  if not minutes or math.abs(minutes) > 9007199254740991 / 60000 then return nil end
  return minutes * 60000
end

local function unpacked(content, subject)
  local parts = {}
  for part in string.gmatch(content, '[^ ]+') do parts[#parts + 1] = part end
  local c, l, i, e, v = number(parts[1] or ''), number(parts[2] or ''), unspan(parts[3] or ''), unspan(parts[4] or ''), number(parts[5] or '')
  local a, r = subject and 0 or nil, number(parts[7] or '')
  if parts[6] then a = number(parts[6]) end
  if not (c and l and i and e and v) or #parts > 7 then return nil end
  if parts[6] and not a and parts[6] ~= '-' or parts[7] and not r then return nil end
  return { c = c, l = c + l, i = i, e = c + e, v = v, a = a and c + a, r = c + (r or a or 0) }
end

local function packed(it)
  local parts = { text(it.c), text(it.l - it.c), span(it.i), span(it.e - it.c), text(it.v) }
  local usual = it.s and it.a == it.c or not it.s and not it.a
  if not usual or it.r ~= (it.a or it.c) then parts[6] = it.a and text(it.a - it.c) or '-' end
  if it.r ~= (it.a or it.c) then parts[7] = text(it.r - it.c) end
  return table.concat(parts, ' ')
end

-- What a key is: live, gone, rotated or unreadable. And what it holds, if that is a record.
local function look(key)
  local rotated, content, subject = unpack(redis.call('HMGET', key, 'r', '1', 's'))
  if rotated then return string.match(rotated, '^%d+$') and tonumber(rotated) > now and 'rotated' or 'gone' end
  if not content then return redis.call('EXISTS', key) == 0 and 'gone' or 'unreadable' end
  local handle, code, numbers = string.match(content, '^([^ +]+)%+?([^ ]*) (.*)$')
  local it = numbers and unpacked(numbers, subject)
  if not it then return 'unreadable' end
  it.key, it.s, it.h, it.o, it.ends = key, subject, handle, code, math.min(it.l + it.i, it.e)
  return now >= it.ends and 'gone' or 'live', it
end

-- Writes the head of a record, and a code that it has no room for beside it. There it stays, also if there is room again.
local function save(it)
  local names, numbers = it.h, packed(it)
  it.isBeside = it.o ~= '' and #it.h + #it.o + #numbers + 2 > ${COMPACT}
  if it.isBeside then redis.call('HSET', it.key, 'o', it.o)
  elseif it.o ~= '' then names = names .. '+' .. it.o end
  redis.call('HSET', it.key, '1', names .. ' ' .. numbers)
end

-- What has ended is judged by the store's clock. Redis drops it some seconds later: it must not be first.
local function expire(key, at) redis.call('PEXPIRE', key, whole(at > now and at - now + ${KEPT_FOR} or 1)) end

local function put(key, from, to)
  for at = from, to, 1000 do redis.call('HSET', key, unpack(ARGV, at, math.min(at + 999, to))) end
end

local function drop(key, from, to)
  for at = from, to, 1000 do redis.call('HDEL', key, unpack(ARGV, at, math.min(at + 999, to))) end
end

local function member(key) return string.match(key, '[^:]*$') end

-- Takes fields out of a hash, except those to keep.
local function clear(key, fields, kept)
  for _, field in ipairs(fields) do
    if not kept[field] then redis.call('HDEL', key, field) end
  end
end

-- Takes records out of an index, and everybody whose lifetime is over. The index ends with the last of the others. Called
-- once for an index, and last: a key that is gone must not be touched again while its slot is on its way to another server.
local function leave(index, keys)
  local left = redis.call('ZCARD', index)
  for _, key in ipairs(keys) do
    if left > 0 then left = left - redis.call('ZREM', index, member(key)) end
  end
  if left > 0 then left = left - redis.call('ZREMRANGEBYSCORE', index, '-inf', ARGV[1]) end
  if left > 0 then expire(index, tonumber(redis.call('ZRANGE', index, -1, -1, 'WITHSCORES')[2])) end
end

-- Puts a record into an index, and takes others out.
local function enter(index, key, ends, others)
  redis.call('ZADD', index, whole(ends), member(key))
  leave(index, others)
end

-- A change: ARGV[2] the version it applies to, [3] how much the version grows by, [4] [5] [6] lastSeenAt, idleTimeout and
-- expiresAt, each of these '' for none. At 'at' the count of what to set, then fields and values, then fields to remove.
local function refused(it) return ARGV[2] ~= '' and tonumber(ARGV[2]) ~= it.v end

local function move(it)
  it.v = it.v + tonumber(ARGV[3])
  if ARGV[4] ~= '' then it.l = math.max(it.l, tonumber(ARGV[4])) end
  if ARGV[5] ~= '' then it.i = tonumber(ARGV[5]) end
  if ARGV[6] ~= '' then it.e = tonumber(ARGV[6]) end
  it.ends = math.min(it.l + it.i, it.e)
end

local function write(it, at)
  save(it)
  local sets = at + tonumber(ARGV[at])
  put(it.key, at + 1, sets)
  drop(it.key, sets + 1, #ARGV)
end
`

/** What the scripts share that need to see the sessions of a subject. */
export const MEMBERS = `
-- The live sessions of a subject, those of the index that are declared. Besides: what an index must lose, what can't be
-- read, and, if the index has somebody who is not declared, all its members.
local function sessions(index, subject)
  local keys, found, dead, broken, isPart = {}, {}, {}, {}, false
  for at = 1, #KEYS do keys[member(KEYS[at])] = KEYS[at] end
  local members = redis.call('ZRANGEBYSCORE', index, '(' .. ARGV[1], '+inf')
  for _, each in ipairs(members) do
    local key = keys[each]
    if not key then isPart = true
    else
      local ok, state, it = pcall(look, key)
      if not ok or state == 'unreadable' then broken[#broken + 1] = key
      elseif state == 'live' and it.s == subject then found[#found + 1] = it
      elseif state ~= 'live' or not it.s then dead[#dead + 1] = { key = key, isRecord = state == 'gone' } end
    end
  end
  return found, dead, broken, isPart and members or nil
end

-- What a clock has ended is deleted, and leaves the index: by the clock of another process it might still be alive, and must
-- not live on unlisted.
local function bury(dead, leaving)
  for _, each in ipairs(dead) do
    if each.isRecord then redis.call('DEL', each.key) end
    leaving[#leaving + 1] = each.key
  end
end

local function finish(it, leaving)
  redis.call('DEL', it.key)
  leaving[#leaving + 1] = it.key
end

local function settle(index, leaving)
  if #leaving > 0 then leave(index, leaving) end
end

-- Not by Lua's own order of texts, which depends on the locale of the server.
local function isLess(one, two)
  for at = 1, math.min(#one, #two) do
    local first, second = string.byte(one, at), string.byte(two, at)
    if first ~= second then return first < second end
  end
  return #one < #two
end

local function signedInFirst(one, two)
  local first, second = one.a or one.c, two.a or two.c
  if first ~= second then return first < second end
  if one.c ~= two.c then return one.c < two.c end
  return isLess(one.h, two.h)
end

local function again(members)
  local answer = { 'again' }
  for at, each in ipairs(members) do answer[at + 1] = each end
  return answer
end

-- Who has to go for one more session of a subject, which is not among them even if it is there already. Or why there
-- can't be one more.
local function excess(index, subject, max, onLimit, own)
  local found, dead, _, members = sessions(index, subject)
  if members then return nil, nil, again(members) end
  local others = {}
  for _, it in ipairs(found) do if it.key ~= own then others[#others + 1] = it end end
  local count = #others + 1 - tonumber(max)
  if count > 0 and onLimit == 'refuse' then return nil, nil, { 'limit' } end
  table.sort(others, signedInFirst)
  for at = #others, math.max(count, 0) + 1, -1 do table.remove(others, at) end
  return others, dead
end

local function evict(others, leaving, answer)
  for _, it in ipairs(others) do
    finish(it, leaving)
    answer[#answer + 1] = it.h
  end
end

-- Every 32nd member asks for a look at all of them: those that nobody used until their idle timeout are still there.
local function isCrowded(index) return math.fmod(redis.call('ZCARD', index), 32) == 0 end
`

import { strict as assert } from 'node:assert'
import type { RecordPatch, SessionRecord } from '../../core/record.js'
import { type Entries, newRecord, patchOf } from './samples.js'
import { keeps, loaded, type Suite } from './suite.js'

const METADATA =
  'key version subject createdAt authenticatedAt rotatedAt lastSeenAt idleTimeout expiresAt persistent device ip ' +
  'formerKey movedTo sealedId goodUntil data handle format'
const LETTERS = 'a c d e f h i k l m p r s t u v x'
const NAMES = `__proto__ constructor prototype hasOwnProperty toString valueOf toJSON then length ${METADATA} ${LETTERS}`
const ASCII = `: :s s: :a a: a:b { } {a} {} * ? [a] [ % %00 %s $ $set a.b . .. ../a / \\ \\\\ \\0 \\u0000 " "a" ' \` ; '; -- ~ # & = +`
const LIKE_VALUES = '0 1 -1 01 1e3 NaN null undefined true false [] 1.5 -0'
const UNICODE = '😀 👩‍👩‍👧 é e\u0301 ß ẞ שלום مرحبا 漢字 \u202Eabc a\u200Db \uFFFF \uFFFD \u00FF\u0080 \u{10FFFF}'

const SPACES = ['', ' ', ' a', 'a ', '\t', '\n', '\r\n', '\r', '\uFEFF', '\uFEFFa', '\u2028', '\u2029', '\u00A0']
const CONTROLS = ['\0', 'a\0', 'a\0b', '\u0001', '\u007F', '\u001B[0m']
const CASES = ['Key', 'KEY', 'x'.repeat(2000)]

/** Strings that stores have mangled, the empty one included. All are well-formed. */
const ODD: readonly string[] = [
  ...new Set(`${NAMES} ${ASCII} ${LIKE_VALUES} ${UNICODE}`.split(' ').concat(SPACES, CONTROLS, CASES)),
]

/** What may stand in a record, and that nobody but the store's verbs can change it there. */
export function values(suite: Suite): void {
  const everything: Entries = ODD.map((key, at) => [key, `"${at}"`])

  suite.test('any string may be a key of the data', async ({ store, clock }) => {
    const created = newRecord(clock, everything)
    await store.create(created)
    await keeps(store, created)
    const updated = newRecord(clock, [])
    await store.create(updated)
    await store.update(updated.key, patchOf(everything))
    await keeps(store, { ...updated, version: 2, data: new Map(everything) })
  })

  suite.test('any string may be a key that is changed and removed alone', async ({ store, clock }) => {
    for (let round = 0; round < 3; round++) {
      const record = newRecord(clock, everything)
      await store.create(record)
      const [remove, change] = [0, 1].map((part) => ODD.filter((_, at) => (at + round) % 3 === part))
      assert.ok(remove && change)
      const set: Entries = change.map((key) => [key, 'new'])
      await store.update(record.key, patchOf(set, { remove }))
      const data = new Map([...everything, ...set].filter(([key]) => !remove.includes(key)))
      await keeps(store, { ...record, version: 2, data })
    }
  })

  suite.test('any string may be a value', async ({ store, clock }) => {
    const entries: Entries = ODD.map((value, at) => [`k${at}`, value])
    const created = newRecord(clock, entries)
    await store.create(created)
    await keeps(store, created)
    const updated = newRecord(clock, [])
    await store.create(updated)
    await store.update(updated.key, patchOf(entries))
    await keeps(store, { ...updated, version: 2, data: new Map(entries) })
  })

  suite.test('any string but the empty one may be a subject, a device and an address', async ({ store, clock }) => {
    for (const odd of ODD.filter((text) => text !== '')) {
      const record = newRecord(clock, [['a', '1']], { subject: odd, device: odd, ip: odd })
      await store.create(record)
      await keeps(store, record)
    }
  })

  suite.test('a subject is kept as it was through updates and touches', async ({ store, clock }) => {
    const record = newRecord(clock, [], { subject: 'Ann:{1} *', device: 'a\0b' })
    await store.create(record)
    clock.advance(1)
    await store.update(
      record.key,
      patchOf([
        ['subject', '"eve"'],
        ['device', '"x"'],
      ]),
    )
    await store.touch(record.key, clock.now())
    const { subject, device } = await loaded(store, record.key)
    assert.deepEqual({ subject, device }, { subject: record.subject, device: record.device })
  })

  suite.test('a value of a megabyte is kept whole', async ({ store, clock }) => {
    const large = `"${'abcdefghijklmnö😀'.repeat(65_536)}"`
    const created = newRecord(clock, [
      ['large', large],
      ['a', '1'],
    ])
    await store.create(created)
    await keeps(store, created)
    await store.update(created.key, patchOf([['more', large]], { remove: ['large'] }))
    await keeps(store, {
      ...created,
      version: 2,
      data: new Map([
        ['a', '1'],
        ['more', large],
      ]),
    })
  })

  suite.test('two hundred keys are created, changed and removed in one step each', async ({ store, clock }) => {
    const entries = (value: string): Entries => Array.from({ length: 200 }, (_, at) => [`key ${at}`, value])
    const record = newRecord(clock, entries('1'))
    await store.create(record)
    await keeps(store, record)
    await store.update(record.key, patchOf(entries('2')))
    await keeps(store, { ...record, version: 2, data: new Map(entries('2')) })
    await store.update(record.key, patchOf([['left', '3']], { remove: [...record.data.keys()] }))
    await keeps(store, { ...record, version: 3, data: new Map([['left', '3']]) })
  })

  suite.test('changing a record after it was handed in changes nothing that is kept', async ({ store, clock }) => {
    const given = newRecord(clock, [['a', '1']])
    const asItWas = copy(given)
    await store.create(given)
    spoil(given)
    await keeps(store, asItWas)
  })

  suite.test('changing a record that was loaded changes nothing that is kept', async ({ store, clock }) => {
    const record = newRecord(clock, [['a', '1']])
    await store.create(copy(record))
    for (let round = 0; round < 2; round++) spoil(await loaded(store, record.key))
    await keeps(store, record)
  })

  suite.test('changing a patch after it was handed in changes nothing that is kept', async ({ store, clock }) => {
    const record = newRecord(clock, [
      ['a', '1'],
      ['b', '2'],
    ])
    await store.create(record)
    const patch = patchOf([['c', '3']], { remove: ['b'] })
    await store.update(record.key, patch)
    spoilPatch(patch)
    const data = new Map([
      ['a', '1'],
      ['c', '3'],
    ])
    await keeps(store, { ...record, version: 2, data })
    // A store may keep the patch for later: what it does next must not follow the change either.
    await store.update(record.key, patchOf([['d', '4']]))
    await keeps(store, { ...record, version: 3, data: data.set('d', '4') })
  })

  suite.test('no verb changes what it was handed', async ({ store, clock }) => {
    const record = newRecord(clock, [['a', '1']], { subject: 'ann' })
    const asItWas = copy(record)
    await store.create(record)
    const patch = patchOf([['b', '2']], { remove: ['a'], ifVersion: 1 })
    await store.update(record.key, patch)
    assert.deepEqual(record, asItWas)
    assert.deepEqual(patch, patchOf([['b', '2']], { remove: ['a'], ifVersion: 1 }))
  })
}

function copy(record: SessionRecord): SessionRecord {
  return { ...record, data: new Map(record.data) }
}

/** Writes to everything in a record that lets itself be written to. */
function spoil(record: SessionRecord): void {
  for (const field of Object.keys(record)) if (field !== 'data') Reflect.set(record, field, 'spoilt')
  spoilMap(record.data)
}

function spoilPatch(patch: RecordPatch): void {
  spoilMap(patch.set)
  ;(patch.remove as string[]).push('a', 'c')
}

function spoilMap(map: ReadonlyMap<string, string>): void {
  const written = map as Map<string, string>
  try {
    written.set('a', 'spoilt').set('c', 'spoilt').set('spoilt', '1')
  } catch {
    // A store may hand out what can't be changed.
  }
}

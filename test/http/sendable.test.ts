import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { assertSendableChunk, assertSendableHead } from '../../src/http/sendable.js'

/** The code of what a call throws. */
function codeOf(call: () => void): unknown {
  try {
    call()
  } catch (error) {
    return [error instanceof RangeError ? 'RangeError' : (error as Error).name, (error as { code?: unknown }).code]
  }
  return undefined
}

describe('a head is refused when Node refuses it, and as Node does', () => {
  const refused: unknown[][] = [
    [99],
    [0],
    [1000],
    [-200],
    ['abc'],
    [undefined],
    [Number.NaN],
    [200, 'bad\r\nreason'],
    [200, { 'bad name': 'x' }],
    [200, { 'X-A': 'bad\nvalue' }],
    [200, { 'X-A': undefined }],
    [200, 'OK', { 'X-A': 'bad\nvalue' }],
    [200, ['X-A', 'good', 'X-B', 'bad\nvalue']],
    [200, ['X-A', 'good', 'bad name', 'x']],
  ]
  const taken: unknown[][] = [
    [100],
    [200],
    [999],
    ['200'],
    [200.9],
    [200, 'OK'],
    [200, undefined],
    [200, null],
    [200, {}],
    [200, { 'X-A': 'good', '': 'of no name' }],
    [200, 'OK', { 'X-A': ['a', 'b'] }],
    [200, ['X-A', 'good', 'X-B', 'too']],
  ]

  const node = (args: unknown[]) => (): void => {
    const response = new ServerResponse(new IncomingMessage(new Socket()))
    // With headers of its own, as the head of a session has them.
    response.setHeader('Vary', 'Cookie')
    response.writeHead(...(args as [number]))
  }

  test.each(refused.map((args) => [args]))('%j', (args) => {
    expect(codeOf(node(args))).toBeDefined()
    expect(codeOf(() => assertSendableHead(args))).toEqual(codeOf(node(args)))
  })

  test.each(taken.map((args) => [args]))('but not %j', (args) => {
    expect(codeOf(node(args))).toBeUndefined()
    expect(codeOf(() => assertSendableHead(args))).toBeUndefined()
  })

  test('pairs of headers are looked at like any others', () => {
    expect(codeOf(() => assertSendableHead([200, [['X-A', 'good']]]))).toBeUndefined()
    expect(
      codeOf(() =>
        assertSendableHead([
          200,
          [
            ['X-A', 'good'],
            ['X-B', 'bad\nvalue'],
          ],
        ]),
      ),
    ).toEqual(['TypeError', 'ERR_INVALID_CHAR'])
  })

  test('the message of a wrong status shows it', () => {
    expect(() => assertSendableHead([99])).toThrow('Invalid status code: 99')
  })
})

describe('a chunk of a body', () => {
  test.each([['write'], ['end']] as const)('is a text or bytes (%s)', (method) => {
    for (const chunk of ['', 'text', Buffer.from('x'), new Uint8Array(1)]) {
      expect(codeOf(() => assertSendableChunk(method, chunk))).toBeUndefined()
    }
    for (const [chunk, type] of [
      [5, 'number'],
      [{}, 'object'],
      [new Uint16Array(1), 'object'],
    ] as const) {
      expect(() => assertSendableChunk(method, chunk)).toThrow(
        expect.objectContaining({
          name: 'TypeError',
          code: 'ERR_INVALID_ARG_TYPE',
          message: `The "chunk" argument must be of type string or an instance of Buffer or Uint8Array, not ${type}.`,
        }) as Error,
      )
    }
  })

  test('may be left out at the end, and nowhere else', () => {
    for (const [chunk, type] of [
      [undefined, 'undefined'],
      [null, 'null'],
      [() => {}, 'function'],
    ] as const) {
      expect(codeOf(() => assertSendableChunk('end', chunk))).toBeUndefined()
      expect(() => assertSendableChunk('write', chunk)).toThrow(`not ${type}.`)
    }
  })
})

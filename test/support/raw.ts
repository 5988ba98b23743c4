import { connect, type Socket } from 'node:net'

/** A connection on which a test writes HTTP by hand. */
export interface RawConnection {
  readonly socket: Socket
  /** All that has come so far. */
  readonly text: string
  /** Settles when `text` matches. Rejects if the connection closes before. */
  until(pattern: RegExp): Promise<string>
  /** Settles when the other side has closed. */
  readonly closed: Promise<void>
}

/** Opens a connection and sends a request line with headers. */
export function rawRequest(port: number, head: readonly string[]): RawConnection {
  const socket = connect(port, '127.0.0.1')
  const waiting: { pattern: RegExp; resolve: (text: string) => void; reject: (error: Error) => void }[] = []
  let text = ''
  const check = (): void => {
    for (const entry of waiting) if (entry.pattern.test(text)) entry.resolve(text)
  }
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    text += chunk
    check()
  })
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  void closed.then(() => {
    for (const entry of waiting) entry.reject(new Error(`The connection closed before ${String(entry.pattern)} came.`))
  })
  socket.on('error', () => {})
  socket.write([...head, '', ''].join('\r\n'))
  return {
    socket,
    closed,
    get text() {
      return text
    },
    until: (pattern) =>
      new Promise((resolve, reject) => {
        waiting.push({ pattern, resolve, reject })
        check()
      }),
  }
}

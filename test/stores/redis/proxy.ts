import { connect, createServer, type Socket } from 'node:net'

/** A way to a server that can be cut. */
export interface Proxy {
  readonly url: string
  /** How often a command with this word, in lower case, has been seen. */
  seen(word: string): number
  /** Ends the next `times` connections over which a command with this word comes: before the server sees it. */
  cut(word: string, times: number, how: 'closed' | 'reset'): void
  stop(): Promise<void>
}

/** Opens a way to the Redis server on `port`. */
export async function proxyTo(port: number): Promise<Proxy> {
  const open = new Set<Socket>()
  let text = ''
  let cuts = { word: '', times: 0, how: 'closed' }
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    upstream.on('data', (data) => client.write(data))
    client.on('data', (data) => {
      text += data.toString()
      if (cuts.times === 0 || !data.toString().includes(cuts.word)) upstream.write(data)
      else {
        cuts.times--
        if (cuts.how === 'reset') client.resetAndDestroy()
        else client.end()
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const own = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `redis://127.0.0.1:${own}`,
    seen: (word) => text.split(word).length - 1,
    cut: (word, times, how) => (cuts = { word, times, how }),
    stop() {
      for (const socket of open) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

// A process with a Redis store that has a near cache. Calls the verbs that it is sent, and answers what they answer.
import { RedisStore } from '../../dist/stores/redis.js'

const [url, prefix, maxEntries] = process.argv.slice(2)
const store = new RedisStore({ url, prefix, nearCache: { maxEntries: Number(maxEntries) } })

process.on('message', (call) => void answer(call))
process.on('disconnect', () => process.exit())

async function answer({ id, verb, args }) {
  try {
    process.send({ id, value: await store[verb](...args) })
  } catch (error) {
    process.send({ id, error: String(error) })
  }
}

import { createClient } from 'redis'
import { RECORD } from '../trips.mjs'
import { bare } from './bare.mjs'

/** A middleware that asks Redis for a text where there is a cookie, and does nothing with it: the least that a session there can cost. */
export const get = {
  ...bare,
  async express(app, settings) {
    const client = await connected(settings)
    app.use((request, _response, next) => void asked(client, request).then(() => next(), next))
    return () => client.destroy()
  },
  async fastify(instance, settings) {
    const client = await connected(settings)
    instance.addHook('onRequest', (request, _reply, done) => void asked(client, request).then(() => done(), done))
    return () => client.destroy()
  },
}

/** @param {import('./settings.mjs').Settings} settings */
async function connected({ redisUrl }) {
  const client = createClient({ url: redisUrl })
  client.on('error', () => {})
  await client.connect()
  await client.set('record', RECORD)
  return client
}

async function asked(client, { headers }) {
  if (headers.cookie !== undefined) await client.get('record')
}

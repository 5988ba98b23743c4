import type { FastifyInstance } from 'fastify'
import type { Session, SessionData } from '../core/session.js'
import { Door, TRUST_PROXY } from './door.js'
import { addSessionHooks } from './fastify-hooks.js'
import type { SessionOptions } from './options.js'

declare module 'fastify' {
  interface FastifyRequest {
    session: Session
  }
}

/**
 * Sessions for Fastify: `await app.register(sessions, { secret, store })`. Every request of the whole instance has
 * `request.session`, loaded, from the first `onRequest` hook after it on.
 *
 * A store that fails is answered with 503 and `Retry-After`, never thrown. The app is ready when the store can be used; while it
 * can't be for `startTimeout`, `ready` and `listen` reject. Closing the app waits for the requests that are under way to be
 * committed, 5 seconds at most, and closes what the store opened itself.
 *
 * `register` rejects with a SessionError `OPTIONS_INVALID` for options that can't work.
 */
export function sessions(instance: FastifyInstance, options: SessionOptions, done: (error?: Error) => void): void {
  try {
    const door = new Door(options, () => TRUST_PROXY.fastify)
    addSessionHooks(instance, door)
    instance.addHook('onReady', () => door.ready())
    instance.addHook('onClose', () => door.close())
  } catch (error) {
    // Thrown, it would end the process instead of rejecting `register`.
    done(error as Error)
    return
  }
  done()
}

// What fastify-plugin does: the hooks hold for the whole instance, not for an encapsulated part.
Object.assign(sessions, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'latchkey',
  [Symbol.for('plugin-meta')]: { name: 'latchkey', fastify: '5.x' },
})

export { explain, type Explanation, type ExplanationReason } from './explain.js'
export type { LogFields, LogLevel, SessionLog } from './log.js'
export type { StoreDownPolicy } from './objections.js'
export type { CookieOptions, SessionOptions, Transport } from './options.js'
export { days, hours, minutes, seconds, type Duration } from '../core/duration.js'
export { SessionError, type SessionErrorCode } from '../core/errors.js'
export type { SessionEvent, SessionObserver } from '../core/events.js'
export type { Session, SessionData }

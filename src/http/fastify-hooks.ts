import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { invalid } from '../core/options.js'
import type { Session } from '../core/session.js'
import type { Door } from './door.js'
import { assignSession, exchangeOf } from './shown-session.js'

/**
 * Opens the session of every request of this instance, and shows it on the request.
 *
 * @throws SessionError `OPTIONS_INVALID` if requests have a `session` already.
 */
export function addSessionHooks(instance: FastifyInstance, door: Door): void {
  if (instance.hasRequestDecorator('session')) {
    throw invalid(
      'Requests of this Fastify instance have a session already. Register sessions once, and without @fastify/session beside it.',
    )
  }
  instance.decorateRequest('session', {
    getter(this: FastifyRequest) {
      return exchangeOf(this.raw)?.session as Session
    },
    setter(this: FastifyRequest, value: unknown) {
      assignSession(exchangeOf(this.raw), value)
    },
  })
  instance.addHook('onRequest', (request: FastifyRequest, reply: FastifyReply, next: HookHandlerDoneFunction) => {
    door.enter(request.raw, reply.raw, request, next, reply)
  })
}

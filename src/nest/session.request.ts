import type { ExecutionContext } from '@nestjs/common'
import { SessionError } from '../core/errors.js'
import type { Session } from '../core/session.js'
import type { Exchange } from '../http/exchange.js'
import { exchangeBehind } from '../http/shown-session.js'

/** A request as guards and decorators see it. */
export interface SessionRequest {
  readonly session?: Session<Record<string, unknown>>
  user?: unknown
}

/**
 * The request behind an execution context: that of HTTP, or the one that a GraphQL context holds as `req`.
 *
 * @throws SessionError `REQUEST_WITHOUT_SESSION` for other contexts, which have no request.
 */
export function requestOf(context: ExecutionContext): SessionRequest {
  const type = context.getType<string>()
  switch (type) {
    case 'http':
      return context.switchToHttp().getRequest<SessionRequest>()
    case 'graphql': {
      const request = context.getArgByIndex<{ req?: SessionRequest } | undefined>(2)?.req
      if (request) return request
      throw withoutSession('The GraphQL context has no `req`. Put the request there in the `context` option.')
    }
    default:
      throw withoutSession(
        `A ${type} context has no HTTP request, and so no session. Use the guard and its decorators on HTTP and GraphQL handlers.`,
      )
  }
}

/** The exchange behind an execution context; `undefined` for one without a request that came through our door. */
export function exchangeIn(context: ExecutionContext): Exchange | undefined {
  switch (context.getType<string>()) {
    case 'http':
      return exchangeBehind(context.switchToHttp().getRequest())
    case 'graphql':
      return exchangeBehind(context.getArgByIndex<{ req?: unknown } | undefined>(2)?.req)
    default:
      return undefined
  }
}

function withoutSession(message: string): SessionError {
  return new SessionError('REQUEST_WITHOUT_SESSION', message)
}

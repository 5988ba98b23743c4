import type { RequestHandler } from 'express'

/** A request with messages for the next page. */
export interface Flashing {
  flash(type: string, message?: string): readonly string[]
}

/** Messages for the next page, kept in the session and read once, as the package connect-flash does it. */
export const flash: RequestHandler = (request, _response, next) => {
  const flashing = (type: string, message?: string): readonly string[] => {
    const session = request.session as { flash?: Record<string, string[]> }
    const kept = (session.flash ??= {})
    if (message !== undefined) return ((kept[type] ??= []), kept[type].push(message), kept[type])
    const messages = kept[type] ?? []
    delete kept[type]
    return messages
  }
  Object.assign(request, { flash: flashing })
  next()
}

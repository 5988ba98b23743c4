import { hkdfSync } from 'node:crypto'
import type { JwtModuleOptions } from '@nestjs/jwt'
import { sessionSecret } from './sessions.js'
import type { PortalConfig } from './settings.js'

/** How long a JWT is good, in seconds. */
export const JWT_LIFETIME = 300

/** What JWTs are made with, and what one must be to be looked at. */
export const JWT = { algorithm: 'HS256', issuer: 'portal' } as const

export function jwtOptions(config: PortalConfig): JwtModuleOptions {
  return { secret: jwtSecret(config), signOptions: { ...JWT, expiresIn: JWT_LIFETIME } }
}

/**
 * The secret of the JWTs: that of the environment, or one that comes of the newest secret of the sessions. It signs no
 * session then, and nobody gets from it to the one that does (RFC 5869).
 */
export function jwtSecret(config: PortalConfig): string {
  const given = config.get('jwtSecret', { infer: true })
  if (given !== undefined) return given
  const [newest = ''] = sessionSecret(config).split(',')
  return Buffer.from(hkdfSync('sha256', newest.trim(), '', 'portal:jwt:1', 32)).toString('base64url')
}

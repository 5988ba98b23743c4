import { ConfigurableModuleBuilder } from '@nestjs/common'
import type { SessionOptions } from '../http/options.js'

/** Options of {@link SessionModule}: those of the doors, and what the guard makes of a session. */
export interface SessionModuleOptions extends SessionOptions {
  /**
   * What {@link SessionAuthGuard} puts on `request.user` for a session that belongs to somebody. Default:
   * `{ id: userId, email, role }` from the session.
   */
  readonly user?: ((session: Readonly<Record<string, unknown>>) => unknown) | undefined
  /**
   * What {@link SessionService.login} keeps in the session of a user. It must name the subject. Default:
   * `{ userId: id, email, role }` of the user.
   */
  readonly signIn?: ((user: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>) | undefined
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<SessionModuleOptions>()
    .setClassMethodName('forRoot')
    .setExtras({ isGlobal: true }, (definition, { isGlobal }) => ({ ...definition, global: isGlobal }))
    .build()

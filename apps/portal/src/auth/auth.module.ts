import { Module } from '@nestjs/common'
import { APP_FILTER } from '@nestjs/core'
import { PassportModule } from '@nestjs/passport'
import { UsersModule } from '../users/users.module.js'
import { AuthController } from './auth.controller.js'
import { AuthService } from './auth.service.js'
import { LocalStrategy } from './local.strategy.js'
import { PasswordController } from './password.controller.js'
import { PasswordService } from './password.service.js'
import { ProfileController } from './profile.controller.js'
import { SessionGoneFilter } from './session-gone.filter.js'
import { SessionsController } from './sessions.controller.js'

@Module({
  // Passport only checks the credentials; the session is Latchkey's.
  imports: [UsersModule, PassportModule.register({ session: false })],
  controllers: [AuthController, PasswordController, ProfileController, SessionsController],
  providers: [AuthService, LocalStrategy, PasswordService, { provide: APP_FILTER, useClass: SessionGoneFilter }],
})
export class AuthModule {}

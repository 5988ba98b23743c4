import { Module } from '@nestjs/common'
import { PassportModule } from '@nestjs/passport'
import { UsersModule } from '../users/users.module.js'
import { AuthController } from './auth.controller.js'
import { AuthService } from './auth.service.js'
import { LocalStrategy } from './local.strategy.js'
import { PasswordController } from './password.controller.js'
import { PasswordService } from './password.service.js'
import { ProfileController } from './profile.controller.js'
import { SessionsController } from './sessions.controller.js'

@Module({
  // Passport only checks the credentials; the session is Latchkey's.
  imports: [UsersModule, PassportModule.register({ session: false })],
  controllers: [AuthController, PasswordController, ProfileController, SessionsController],
  providers: [AuthService, LocalStrategy, PasswordService],
})
export class AuthModule {}

import { Module } from '@nestjs/common'
import { PassportModule } from '@nestjs/passport'
import { UsersModule } from '../users/users.module.js'
import { AuthController } from './auth.controller.js'
import { AuthService } from './auth.service.js'
import { LocalStrategy } from './local.strategy.js'
import { PasswordService } from './password.service.js'
import { ProfileController } from './profile.controller.js'

@Module({
  // Passport only checks the credentials; the session is Latchkey's.
  imports: [UsersModule, PassportModule.register({ session: false })],
  controllers: [AuthController, ProfileController],
  providers: [AuthService, LocalStrategy, PasswordService],
})
export class AuthModule {}

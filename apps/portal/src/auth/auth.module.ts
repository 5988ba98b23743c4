import { Module } from '@nestjs/common'
import { ConfigService } from '@nestjs/config'
import { JwtModule } from '@nestjs/jwt'
import { PassportModule } from '@nestjs/passport'
import { jwtOptions } from '../config/jwt.js'
import { UsersModule } from '../users/users.module.js'
import { AuthController } from './auth.controller.js'
import { AuthService } from './auth.service.js'
import { JwtStrategy } from './jwt.strategy.js'
import { LocalStrategy } from './local.strategy.js'
import { PasswordController } from './password.controller.js'
import { PasswordService } from './password.service.js'
import { ProfileController } from './profile.controller.js'
import { FromSessionStrategy } from './session.strategy.js'
import { SessionsController } from './sessions.controller.js'
import { TokenController } from './token.controller.js'

@Module({
  // Passport only checks the credentials; the session is Latchkey's.
  imports: [
    UsersModule,
    PassportModule.register({ session: false }),
    JwtModule.registerAsync({ inject: [ConfigService], useFactory: jwtOptions }),
  ],
  controllers: [AuthController, PasswordController, ProfileController, SessionsController, TokenController],
  providers: [AuthService, FromSessionStrategy, JwtStrategy, LocalStrategy, PasswordService],
})
export class AuthModule {}

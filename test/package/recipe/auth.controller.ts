import { Controller, Post, Get, Body, UseGuards, Request, Session } from '@nestjs/common'
import { AuthGuard } from '@nestjs/passport'
import { AuthService } from './auth.service'
import { RegisterDto, SessionRequest } from './auth.types'

@Controller('auth')
export class AuthController {
  constructor(private authService: AuthService) {}

  @Post('register')
  async register(@Body() registerDto: RegisterDto) {
    return this.authService.register(registerDto)
  }

  @UseGuards(AuthGuard('local'))
  @Post('login')
  async login(@Request() req: SessionRequest, @Session() session: Record<string, any>) {
    session.userId = req.user.id
    session.email = req.user.email
    session.role = req.user.role

    return {
      message: 'Login successful',
      user: { id: req.user.id, email: req.user.email, name: req.user.name },
    }
  }

  @Post('logout')
  async logout(@Session() session: Record<string, any>) {
    return new Promise((resolve, reject) => {
      session.destroy((err) => {
        if (err) {
          reject(err)
        } else {
          resolve({ message: 'Logout successful' })
        }
      })
    })
  }

  @Get('profile')
  @UseGuards(AuthGuard('jwt'))
  async getProfile(@Request() req: SessionRequest) {
    return { user: req.user }
  }

  @Get('me')
  async getMe(@Session() session: Record<string, any>) {
    if (!session.userId) {
      return { authenticated: false }
    }

    const user = await this.authService.findUserById(session.userId)
    return { authenticated: true, user }
  }
}

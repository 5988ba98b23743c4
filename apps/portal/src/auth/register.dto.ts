import { Transform, type TransformFnParams } from 'class-transformer'
import { IsEmail, IsString, Length, Matches, MaxLength, MinLength } from 'class-validator'
import { normaliseEmail } from '../users/user.entity.js'

export class RegisterDto {
  @Transform(ofText(normaliseEmail))
  @MaxLength(254)
  @IsEmail({}, { message: 'email must be an e-mail address' })
  email!: string

  @MaxLength(128)
  @MinLength(8)
  @IsString()
  password!: string

  @Transform(ofText((name) => name.trim()))
  @Matches(/^\P{Cc}*$/u, { message: 'name must be a single line' })
  @Length(1, 100)
  @IsString()
  name!: string
}

/** Leaves what is no text to the validation. */
function ofText(change: (text: string) => string) {
  return ({ value }: TransformFnParams): unknown => (typeof value === 'string' ? change(value) : value)
}

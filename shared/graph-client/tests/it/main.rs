//! The client against a scripted Graph and sign-in on loopback.

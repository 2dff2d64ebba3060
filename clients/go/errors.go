package client

import (
	"context"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"stead.dev/client/internal/wire"
)

// domain is ErrorInfo.domain of every status that Stead itself gives.
const domain = "stead"

// FunctionError says that the function ran and said no.
type FunctionError struct {
	Message   string
	Type      string // the function's own name for the error, e.g. an exception's class
	Class     string // "retry", "permanent" or "throttle"
	Retryable bool   // the same event may succeed later (under a new id: this one has its result)
	Attempts  uint32
	RequestID string
	Outcome   string // how the request ended, "failed" or "dead-lettered"; "" from Execute
}

func (e *FunctionError) Error() string { return e.Message }

func functionError(message string, detail *wire.ErrorDetail, id, outcome string, attempts uint32) *FunctionError {
	if attempts == 0 {
		attempts = detail.GetAttempts()
	}
	return &FunctionError{message, detail.GetType(), detail.GetErrorClass(), detail.GetRetryable(), attempts, id, outcome}
}

// OutcomeError says that, by its stored result, a request ended without success, and not by the function's own word.
type OutcomeError struct {
	Message   string
	Outcome   string // "failed", "expired", "dead-lettered" or "cancelled"
	Reason    string // a word of the error table, e.g. EXECUTION_TIMEOUT; may be ""
	Attempts  uint32
	RequestID string
}

func (e *OutcomeError) Error() string {
	if e.Message == "" {
		return e.Outcome
	}
	return e.Outcome + ": " + e.Message
}

// PlatformError is a gRPC status that is not OK.
type PlatformError struct {
	Status     codes.Code
	Reason     string // a word of the error table, e.g. FUNCTION_NOT_FOUND; "" if Stead did not give this status
	Message    string
	RequestID  string
	RetryAfter time.Duration // after which trying again may help; 0 if Stead did not say
	// NotStarted: Stead itself answered each attempt with UNAVAILABLE, so the function certainly did not start and will
	// not. False is no promise.
	NotStarted bool
	Violations []Violation       // what is wrong in the request
	Metadata   map[string]string // what else ErrorInfo says

	grpc *status.Status
}

// Violation is one thing that is wrong in a request.
type Violation struct{ Field, Description string }

func (e *PlatformError) Error() string {
	if e.Reason != "" {
		return e.Reason + ": " + e.Message
	}
	return e.Status.String() + ": " + e.Message
}

// Unwrap gives context.DeadlineExceeded or context.Canceled if the caller's context ended the call.
func (e *PlatformError) Unwrap() error {
	if e.Status == codes.DeadlineExceeded && (e.Reason == "" || e.Reason == "DEADLINE_EXCEEDED") {
		return context.DeadlineExceeded
	}
	if e.Status == codes.Canceled {
		return context.Canceled
	}
	return nil
}

// GRPCStatus lets status.FromError and status.Code see the status with its details.
func (e *PlatformError) GRPCStatus() *status.Status { return e.grpc }

// platformError reads the error of a call; ours: Stead itself gave the status.
func platformError(err error) (platform *PlatformError, ours bool) {
	given, _ := status.FromError(err)
	platform = &PlatformError{Status: given.Code(), Message: given.Message(), grpc: given}
	for _, detail := range given.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			platform.Reason, platform.Metadata, ours = detail.Reason, detail.Metadata, detail.Domain == domain
			platform.RequestID = detail.Metadata["request-id"]
		case *errdetails.RetryInfo:
			platform.RetryAfter = detail.RetryDelay.AsDuration()
		case *errdetails.BadRequest:
			for _, one := range detail.FieldViolations {
				platform.Violations = append(platform.Violations, Violation{one.Field, one.Description})
			}
		}
	}
	return platform, ours
}

func retryForbidden(trailer metadata.MD) bool {
	pushback := trailer.Get("grpc-retry-pushback-ms")
	return len(pushback) > 0 && strings.HasPrefix(pushback[0], "-")
}
